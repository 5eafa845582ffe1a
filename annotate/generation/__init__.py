"""Text in, text out: prompt formats, sampling, engines and reply metrics; knows no Django."""
