"""The shapes of replies: which fields an object has, where they are, and how a history is written."""
