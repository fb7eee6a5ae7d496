"""Pure statistics over NumPy arrays: no Django, no models, no clock."""
