"""Parts of the fuzz run (`tools/fuzz.py`): what is sent, how it is spoilt, what must hold."""
