"""From predictions to numbers that can be trusted.

predictions, prediction_file     rows: what was said of each item; the file that they are kept in
metrics, series_metrics          pure functions, each with its n; logistic: the four-parameter fit
resampling, intervals            metrics of a resample from counts alone; 95 % bootstrap intervals
measures/                        rows -> metrics, each with the statistic that is resampled
results, comparison              results.json; two systems, paired
benchmarks/                      benchmarks as data: which reader, how large
asking, phases/, parsing         who answers what; answers in words -> options
running, sharing                 written as it comes, continued, in several processes
protocol, training_relation      what defines a number; was the benchmark trained on
evaluate, given, listed          one benchmark; predictions made elsewhere; several benchmarks
exports, judging                 forms of others' tools; texts for a judge
held_out, recipe, validation     what a training run is measured by; pixels: its baseline
"""
