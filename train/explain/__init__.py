"""Why a network called what it called: maps over the image, and tests of the maps themselves."""
