"""Why a contact is in a segment or not."""
