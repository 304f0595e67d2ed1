"""`beacon-sim radio-statistics`: whether made-up levels scatter as recorded ones do."""
