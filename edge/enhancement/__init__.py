"""Pictures made twice as large by a network, to look at; nothing is ever called on them."""
