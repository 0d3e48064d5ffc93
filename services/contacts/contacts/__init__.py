"""Takes in who the customers are and what they do, and keeps every change."""
