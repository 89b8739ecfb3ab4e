"""``python -m torchdoctor`` is the command ``torchdoctor``."""

from torchdoctor.faces.cli import main

if __name__ == "__main__":
    main(prog_name="torchdoctor")
