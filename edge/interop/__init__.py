"""What leaves the device: tables, FHIR, DHIS2 and DICOM, to a folder or handed to `sync`."""
