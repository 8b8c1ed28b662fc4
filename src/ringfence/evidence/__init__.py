"""What is taken along from an incident: its case, what to do in the first hour, what the carrier is told, a bundle."""
