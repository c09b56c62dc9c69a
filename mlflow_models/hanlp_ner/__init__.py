"""Chinese named entities, with HanLP checkpoints."""
