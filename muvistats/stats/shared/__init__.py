"""What all tests share: checked arguments, groups, assignment of factors, cells. No statistic."""
