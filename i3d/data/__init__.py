"""What turns records into batches; `schema` alone is used by preprocessing too."""
