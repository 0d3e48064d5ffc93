"""Files that outlive a request: kept in a folder of this machine, or in a bucket that all machines share."""
