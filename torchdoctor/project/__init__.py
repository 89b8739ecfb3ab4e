"""The files of one lint run: which they are, how they are read, looked at, remembered and mended."""
