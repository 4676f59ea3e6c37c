"""What a user looks at: functions of a model and of a history, which know no estimator."""
