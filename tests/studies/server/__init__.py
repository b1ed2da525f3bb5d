"""What does a server learn of those who send it updates, beyond their speech?"""
