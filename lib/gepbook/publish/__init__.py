"""Publishing: tables, figures, maps, reports, site; shows results, computes none."""
