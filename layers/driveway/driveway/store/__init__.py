"""The table: keys, reads, conditional writes, due indexes."""
