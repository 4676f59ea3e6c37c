"""What a user imports: estimators with scikit-learn's contract."""
