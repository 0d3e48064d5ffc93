"""What each service of the outside is sent: one module of one template for each."""
