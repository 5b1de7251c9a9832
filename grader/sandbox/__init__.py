"""Student code in sandboxed worker processes, and the judge's side of the connection to them."""
