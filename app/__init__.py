"""The Streamlit front end: it draws what runs have yielded, and steers them; it never trains."""
