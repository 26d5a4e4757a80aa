//! Bodies whose chunks are signed one by one (`aws-chunked`).
