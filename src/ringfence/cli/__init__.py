"""`ringfence`: one file a command."""
