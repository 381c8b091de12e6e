"""The engine of Bilevel Distillation Lab: bilevel knowledge distillation on long-tailed data.

Importing this package imports neither torch nor any front end; import the module you need.
"""

__version__ = "0.1.0"
