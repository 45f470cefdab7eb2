"""What the tests share: a server, databases cut from templates, sign-ins, and a company to work with."""
