"""What can be said of a fit beyond its coefficients: errors, tests, effects, diagnoses.

Everything here takes a fit and its rows, never an estimator.
"""
