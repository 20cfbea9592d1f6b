#!/bin/bash
# One link campaign over a Slurm cluster, one shard a task of the array:
#
#   sbatch --array=1-36 slurm_campaign.sh --standard g3,prime --frames 100000
#   channel-sim merge part-*.json --csv fer.csv --svg fer.svg
#
# What stands behind the script's name are arguments of `channel-sim link`. At a time limit or when it is preempted a
# task gets SIGTERM, keeps its state and fails; the same sbatch, or `scontrol requeue`, goes on from there, and shards that
# are done cost nothing. The folder must be one that all nodes see. CHANNEL_SIM is the program, where it is not in the PATH.
#SBATCH --job-name=campaign
#SBATCH --cpus-per-task=1
#SBATCH --requeue
exec "${CHANNEL_SIM:-channel-sim}" link "$@" --threads "$SLURM_CPUS_PER_TASK" \
    --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --state "part-$SLURM_ARRAY_TASK_ID.json"
