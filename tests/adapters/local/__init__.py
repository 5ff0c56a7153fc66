"""The local adapter: what is its own, beyond the suite that every driver passes."""
