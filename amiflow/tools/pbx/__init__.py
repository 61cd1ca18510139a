"""The simulated PBX: channels, bridges and a small dialplan behind the server's side of AMI, pure, with time given."""
