"""Store and forward: what other systems are to have, sent until each says that it has it."""
