"""What two services already share: the published language (events, filters) and the mechanism under it."""
