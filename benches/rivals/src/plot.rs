//! Draws figures as SVG.
