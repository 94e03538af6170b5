"""What people look at: figures, and one HTML page that needs nothing but itself.

Every figure is a plain `matplotlib.figure.Figure` for the caller to show or save; `page.Page` puts figures, tables and
pictures on one page that works offline, in light and dark, on paper and for screen readers. matplotlib is imported
when the first figure is drawn.
"""
