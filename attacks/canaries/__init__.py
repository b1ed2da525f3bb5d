"""What was the secret that was spoken?"""
