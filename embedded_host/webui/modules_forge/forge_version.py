version = "relight-embedded"
