"""What prepares a checkout for work; standard library only, and readable by Pythons too old to run the project."""
