"""Federated training: devices learn from their own speech, a server adds up what they learnt."""
