"""Who tries: clients of every kind, attackers, forgers, and what watches them."""
