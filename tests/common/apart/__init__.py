"""A package with migrations, one of which builds an index while others write."""
