"""The learned finder: where the cells of a field are, fitted on whole fields with boxes."""
