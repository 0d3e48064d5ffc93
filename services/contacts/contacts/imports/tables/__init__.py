"""Files as rows of cells: texts and workbooks."""
