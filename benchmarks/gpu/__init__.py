"""What only a GPU can show: gathered here, measured on a machine that has nothing else."""
