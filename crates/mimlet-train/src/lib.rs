//! Trains ClusterMIM encoders and their codebooks.
