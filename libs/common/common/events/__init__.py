"""The published language: what each service tells the others, one module per owner."""
