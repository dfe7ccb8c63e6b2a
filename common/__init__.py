"""Names, refusals and readers that more than one room needs; depends on no other room."""
