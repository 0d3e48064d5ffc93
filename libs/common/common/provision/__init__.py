"""What a service needs of its servers before its first start, made with rights that it has not itself."""
