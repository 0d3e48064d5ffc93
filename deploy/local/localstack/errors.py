"""What goes wrong when a stack is set up or started, each told so that a person knows what to do."""


class StackError(Exception):
    """Setting up, starting or stopping failed; the text says why and what to do."""


class MissingTool(StackError):
    """Java, Maven or another program that the machine must have is not there; the text holds the line that installs it."""


class PortTaken(StackError):
    """Another program holds a port that this stack needs."""
