"""What one stack means: its settings, its certificates over the years, what it tells others."""
