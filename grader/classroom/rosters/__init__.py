"""Tables that platforms and spreadsheets save, and rosters in them."""
