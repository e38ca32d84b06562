"""From predictions to numbers that can be trusted: metrics, intervals, results, a table."""
