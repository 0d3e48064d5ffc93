"""For tests of a file that is sent: nobody revokes it meanwhile."""


async def unrevoked() -> None:
    """What is asked while bytes are sent; there is nothing against it."""
